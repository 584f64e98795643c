// Checks exchanges against OpenAPI documents with the validator inside oav, the one that `oav validate-traffic` runs.
// The command itself would stop at the first exchange for which there is no operation, and its report would not say
// which answer an error is in.
//
//     node validate.js FOLDER_OF_OAV FOLDER_OF_DOCUMENTS < exchanges > results
//
// Both are lines of JSON: {"liveRequest": {…}, "liveResponse": {…}} in, what the validator says of it out.

const readline = require("node:readline");
const [, , oav, documents] = process.argv;
const { LiveValidator } = require(oav);
require(`${oav}/dist/lib/util/logging.js`).log.consoleLogLevel = "off";

async function main() {
  const validator = new LiveValidator({
    directory: documents,
    swaggerPathsPattern: ["**/stable/**/*.json"],
    excludedSwaggerPathsPattern: ["**/examples/**"],
    checkUnderFileRoot: false,
    loadValidatorInBackground: false,
    isArmCall: true,
    git: { shouldClone: false },
  });
  await validator.initialize();
  for await (const line of readline.createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await validator.validateLiveRequestResponse(JSON.parse(line))));
  }
}

main();
