// Loads a configuration as a Node application would and prints what it got:
//
//     node load.js OPTIONS      OPTIONS: JSON for cloud-config-client's load(), such as {"endpoint", "name", "profiles", "label"}
//
// Prints {"config": the tree, "raw": the server's document}, or {"error": text}.
const client = require('cloud-config-client')

client.load(JSON.parse(process.argv[2])).then(
  (config) => console.log(JSON.stringify({ config: config.toObject(), raw: config.raw })),
  (error) => console.log(JSON.stringify({ error: error.message }))
)
