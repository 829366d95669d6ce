'use strict';

// Node's major version: Lambda's programming model changed with Node.js 24 (no callbacks any more).
const NODE_MAJOR = Number(process.versions.node.split('.')[0]);

module.exports = { NODE_MAJOR };
