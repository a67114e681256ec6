// `node client.mjs QUEUE install URL`, and `… QUEUE work URL BATCH WARM_UP SECONDS`: one client, which
// says when it is warm, waits for a line, works, and prints how many jobs it finished.

import { once } from "node:events";

const [name, action, url, ...numbers] = process.argv.slice(2);
const queue = await import(`./${name}.mjs`);

if (action === "install") {
  await queue.install(url);
} else {
  const [batch, warmUp, seconds] = numbers.map(Number);
  const cycle = await queue.client(url, batch);
  for (let n = 0; n < warmUp; n++) await cycle();
  console.log("warm");
  await once(process.stdin, "data");
  let done = 0;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) done += await cycle();
  console.log(done);
}
process.exit(); // what keeps time or connections would wait
