import { signIn } from './sign-in-page.js';

const CLOSES = '/signed-in';

/** A button. Where the browser blocks the window, the page goes there itself. */
export async function onSignIn(): Promise<void> {
  const popup = open('about:blank', '_blank', 'width=500,height=650'); // at once: after an await it is blocked
  try {
    const url = await signIn.begin({ returnTo: popup ? CLOSES : location.pathname + location.search });
    (popup?.location ?? location).assign(url);
  } catch (error) {
    popup?.close();
    throw error;
  }
}

/** Once, when the page starts, in the window as well. */
export async function start(): Promise<void> {
  const done = await signIn.finish(location.href);
  if (done?.returnTo === CLOSES) close();
  else if (done) history.replaceState(null, '', done.returnTo ?? '/');
}
