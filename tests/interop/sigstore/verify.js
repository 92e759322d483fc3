// Usage: node verify.js PUBLIC_KEY.pem RECEIPT.sigstore.json...
// Prints "FILE: verified" or "FILE: refused" for each receipt. No transparency log and no time stamp is asked for:
// receipts stand in Beacon's own log.
const { createPublicKey } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { bundleFromJSON } = require("@sigstore/bundle");
const { toSignedEntity, Verifier } = require("@sigstore/verify");

const [pem, ...receipts] = process.argv.slice(2);
const publicKey = createPublicKey(readFileSync(pem));
const trust = {
  certificateAuthorities: [],
  timestampAuthorities: [],
  tlogs: [],
  ctlogs: [],
  publicKey: () => ({ publicKey, validFor: () => true }),
};
const verifier = new Verifier(trust, { tlogThreshold: 0, timestampThreshold: 0, ctlogThreshold: 0 });

for (const receipt of receipts) {
  let outcome = "verified";
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(readFileSync(receipt, "utf8")))));
  } catch (error) {
    outcome = `refused ${error.code ?? error.name}`;
  }
  console.log(`${receipt}: ${outcome}`);
}
