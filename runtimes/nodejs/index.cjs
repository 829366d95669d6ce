'use strict';

// Entry of a Node.js function's process: `node index.cjs`. Loads the handler, then answers one event after the other.
//
// Laws of this folder: CommonJS only, no dependencies, and a small tree of requires, because every file and every
// built-in module that is loaded here lengthens each cold start.

require('./lib/main.cjs').run();
