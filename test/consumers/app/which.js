// Which build a bundler took: what an error says, and whether all subpaths come from the same one.
import { createTokenManager, OptionsError } from 'evertoken';
import { browser } from 'evertoken/browser';
import { oauthClient } from 'evertoken/oauth';

function refused(create) {
  try {
    create();
  } catch (error) {
    return error;
  }
}

const ofRoot = refused(() => createTokenManager({ refresh: 1 }));
const ofOauth = refused(() => oauthClient({}));
const says = /^Option refresh: expected /.test(ofRoot.message)
  ? 'sentences'
  : /^ERR_OPTIONS: see https:\S+#err_options \(refresh/.test(ofRoot.message)
    ? 'codes'
    : ofRoot.message;
console.log(says, ofOauth instanceof OptionsError ? 'from one copy' : 'from two copies', typeof browser);
