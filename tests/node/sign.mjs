// Every example payload of GitHub's webhooks, signed by other people's code: one JSON object a line.
// Usage: node sign.mjs SECRET [OWNER/NAME]; with a name, the payload's repository is called so.
import { sign } from "@octokit/webhooks-methods";
import { createRequire } from "node:module";

const definitions = createRequire(import.meta.url)("@octokit/webhooks-examples/api.github.com/index.json");
const [secret, repository] = process.argv.slice(2);

for (const { name, examples } of definitions) {
  for (const example of examples) {
    const payload = structuredClone(example);
    if (repository && payload.repository) payload.repository.full_name = repository;
    const body = JSON.stringify(payload);
    console.log(JSON.stringify({ event: name, body, signature: await sign(secret, body) }));
  }
}
