// pg-boss's `fetch` and `complete`, which its own workers call: jobs, not ids, so that the attempt is
// checked. No supervision and no schedules beside them; finished jobs stay, as its default has it.

import { PgBoss } from "pg-boss";

const QUEUE = "nothing";

const opened = (url, options) =>
  new PgBoss({ connectionString: url, max: 1, supervise: false, schedule: false, ...options }).start();

export async function install(url) {
  const boss = await opened(url);
  await boss.createQueue(QUEUE);
}

export async function client(url, batchSize) {
  const boss = await opened(url, { migrate: false });

  return async () => {
    const jobs = await boss.fetch(QUEUE, { batchSize });
    await boss.complete(QUEUE, jobs);
    return jobs.length;
  };
}
