// Writes TC strings as consent tools do, with the IAB's own library, and says what it reads in them.
"use strict";
const fs = require("node:fs");
const { GVL, PurposeRestriction, TCModel, TCString } = require("@iabtechlabtcf/core");

const numbered = (count, make) =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [at + 1, make(at + 1)]));
const named = (id) => ({ id, name: `No. ${id}`, description: "", illustrations: [] });

// A list of vendors like the IAB's: all of them ask for consent to each purpose, and all are flexible.
const listOf = (vendors, policy) =>
  new GVL({
    gvlSpecificationVersion: 3,
    vendorListVersion: 90,
    tcfPolicyVersion: policy,
    lastUpdated: "2026-01-01T00:00:00Z",
    purposes: numbered(11, named),
    specialPurposes: {},
    features: {},
    specialFeatures: numbered(2, named),
    stacks: {},
    vendors: numbered(vendors, (id) => ({
      ...named(id),
      purposes: Array.from({ length: 11 }, (_, at) => at + 1),
      legIntPurposes: [],
      flexiblePurposes: [2, 5, 6, 7, 8, 9, 10, 11],
      specialPurposes: [],
      features: [],
      specialFeatures: [],
    })),
  });

const all = (vector) => [...vector].filter(([, has]) => has).map(([id]) => id);

const write = (asked) => {
  const model = new TCModel(listOf(asked.listed, asked.policy));
  Object.assign(model, { cmpId: 7, cmpVersion: 3, policyVersion: asked.policy, isServiceSpecific: true });
  model.purposeConsents.set(asked.purposes);
  model.vendorConsents.set(asked.vendors);
  model.vendorsDisclosed.set(asked.disclosed);
  for (const [purposeId, restrictionType, vendor] of asked.restrictions)
    model.publisherRestrictions.add(vendor, new PurposeRestriction(purposeId, restrictionType));
  const text = TCString.encode(model);
  const read = TCString.decode(text);
  return {
    text,
    policy: read.policyVersion,
    cmp: read.cmpId,
    language: read.consentLanguage,
    updated: read.lastUpdated.getTime(),
    purposes: all(read.purposeConsents),
    vendors: all(read.vendorConsents),
    disclosed: all(read.vendorsDisclosed),
    restrictions: asked.restrictions.filter(([purposeId, restrictionType, vendor]) =>
      read.publisherRestrictions
        .getRestrictions(vendor)
        .some((each) => each.purposeId === purposeId && each.restrictionType === restrictionType),
    ),
  };
};

process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, "utf8")).map(write)));
