// workerd runs this, bundled.
import { concurrency, smoke } from './scenario.mjs';

export default {
  async fetch() {
    try {
      await smoke();
      return Response.json(await concurrency());
    } catch (error) {
      return Response.json({ error: String(error?.stack ?? error) }, { status: 500 });
    }
  },
};
