import { initTRPC, TRPCError } from '@trpc/server';

const trpc = initTRPC.context<{ user: string | undefined }>().create();

/** What a procedure for those who are signed in says to others becomes a 401. */
const signedIn = trpc.procedure.use(({ ctx, next }) => {
  if (ctx.user === undefined) throw new TRPCError({ code: 'UNAUTHORIZED' });
  return next({ ctx: { user: ctx.user } });
});

export const appRouter = trpc.router({
  whoAmI: signedIn.query(({ ctx }) => ctx.user),
  greet: signedIn.mutation(({ ctx }) => `hello ${ctx.user}`),
  health: trpc.procedure.query(() => 'good'),
});
