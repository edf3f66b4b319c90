import { stepUpFetch } from 'evertoken/step-up';
import { signIn, tokens } from './sign-in-page.js';

/** In a click: browsers open no window otherwise. */
declare function askInPopup(url: string, closed: AbortSignal): Promise<boolean>;

/** Like `api`, and asks the user where an API wants a second factor, a fresh sign-in or another scope. */
export const bank = stepUpFetch(tokens, {
  origins: ['https://api.example'],
  stepUp: async ({ challenge, signal }) => askInPopup(await signIn.begin({ challenge }), signal),
});
