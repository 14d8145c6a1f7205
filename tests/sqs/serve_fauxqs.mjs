// A strict server of SQS: fauxqs. Ends with its standard input.
import { register } from "node:module";

// It keeps queues in files if asked to, which it is not here, with a module that Node.js has since 22.5.
const empty = "data:text/javascript,export class DatabaseSync {}";
const hooks = `export const resolve = (name, context, next) =>
  name === "node:sqlite" ? { url: ${JSON.stringify(empty)}, shortCircuit: true } : next(name, context);`;
register("data:text/javascript," + encodeURIComponent(hooks));

const { buildApp } = await import("fauxqs");
const app = buildApp({ host: "127.0.0.1", logger: false });
// By itself it would listen on all interfaces.
await app.listen({ host: "127.0.0.1", port: 0 });
console.log(app.server.address().port);
process.stdin.on("end", () => process.exit(0)).resume();
