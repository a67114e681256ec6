// graphile-worker's own functions, as its worker calls them for each job, on one connection.
// Its `localQueue` and `completeJobBatchDelay`, off by default, call the same ones with more jobs.

import { Logger, makeWorkerUtils } from "graphile-worker";

const inside = (path) => import(`./node_modules/graphile-worker/dist/${path}`);

export async function install(url) {
  const utils = await makeWorkerUtils({ connectionString: url, logger: silent });
  await utils.addJob("nothing"); // which names the task, for the jobs that SQL makes
  await utils.release();
}

export async function client(url, batch) {
  const { getUtilsAndReleasersFromOptions } = await inside("lib.js");
  const { batchGetJobs } = await inside("sql/getJobs.js");
  const { batchCompleteJobs } = await inside("sql/completeJobs.js");
  const options = { connectionString: url, maxPoolSize: 1, logger: silent };
  const [worker] = await getUtilsAndReleasersFromOptions(options);
  const { withPgClient } = worker;
  const tasks = { nothing: () => {} };
  const pool = `pool-${process.pid}`;

  return async () => {
    const jobs = await batchGetJobs(worker, withPgClient, tasks, pool, null, batch);
    await batchCompleteJobs(worker, withPgClient.withRetries, pool, jobs);
    return jobs.length;
  };
}

const silent = new Logger(() => () => {});
