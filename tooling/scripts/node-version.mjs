// Says in words what an old Node would say in syntax errors.

/** Node 20.19 is the first 20.x that this workspace's tools accept (root package.json, "engines"). */
const oldest = [20, 19];

/** Ends the process with exit code 1 when Node is too old. */
export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > oldest[0] || (major === oldest[0] && minor >= oldest[1])) return;
  console.error(`DynaMo needs Node ${oldest.join(".")} or later, this is ${process.versions.node}: https://nodejs.org`);
  process.exit(1);
}
