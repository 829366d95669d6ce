'use strict';

// From a handler's name to the function itself.
//
// `folder/file.export.nested`: the folder is below the task root, the file has no extension, the rest is a path of
// exports. Looked for in this order: the file as it is named, `.js` (as a module of the kind that the nearest
// package.json says), `.mjs`, `.cjs`, and at last as Node resolves a package, through NODE_PATH.

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { types } = require('util');
const errors = require('./errors.cjs');
const { isStreaming } = require('./streaming.cjs');
const { NODE_MAJOR } = require('./versions.cjs');

// The function's modules are required as if by one file of Lambda's; error messages name it.
const requireFrom = createRequire(path.join(__dirname, '../index.mjs'));

const HANDLER_NAME = /^([^.]*)\.(.*)$/;
const CALLBACKS_ARE_GONE =
  'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. ' +
  'You need to modify this function to use a supported handler signature to use Node.js 24 or later. ' +
  'For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';

async function loadHandler(taskRoot, name) {
  const { folder, file, exported } = parseName(name);
  const loaded = await loadModule(taskRoot, folder, file);
  const handler = find(loaded, exported) || ofDefault(loaded, exported);
  if (!handler) throw new errors.HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new errors.HandlerNotFound(`${name} is not a function`);
  if (!isStreaming(handler) && NODE_MAJOR >= 24 && handler.length >= 3) {
    throw new errors.CallbackHandlerDeprecated(CALLBACKS_ARE_GONE);
  }
  return handler;
}

function find(exports, name) {
  return name.split('.').reduce((value, key) => value && value[key], exports);
}

// Since Node.js 24 the handler may also be a member of what an ES module exports by default.
function ofDefault(module, name) {
  return NODE_MAJOR >= 24 && types.isModuleNamespaceObject(module) ? find(module.default, name) : undefined;
}

function parseName(name) {
  if (name.includes('..')) {
    throw new errors.MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(name);
  const match = HANDLER_NAME.exec(base);
  if (match === null) throw new errors.MalformedHandlerName('Bad handler');
  return { folder: name.substring(0, name.indexOf(base)), file: match[1], exported: match[2] };
}

async function loadModule(taskRoot, folder, file) {
  try {
    return (await loadFile(path.resolve(taskRoot, folder, file))) || requirePackage(taskRoot, folder, file);
  } catch (error) {
    if (error instanceof SyntaxError) throw new errors.UserCodeSyntaxError(error);
    if (error?.code === 'MODULE_NOT_FOUND') throw new errors.ImportModuleError(String(error));
    throw error;
  }
}

async function loadFile(stem) {
  const exists = (extension) => fs.existsSync(stem + extension);
  if (exists('')) return requireFrom(stem);
  if (exists('.js')) return isModule(path.dirname(stem)) ? import(stem + '.js') : requireOrImport(stem + '.js');
  if (exists('.mjs')) return import(stem + '.mjs');
  if (exists('.cjs')) return requireFrom(stem + '.cjs');
  return undefined;
}

// Node.js 24 requires ES modules as well, but for those that await something while they load.
function requireOrImport(file) {
  try {
    return requireFrom(file);
  } catch (error) {
    if (error?.code === 'ERR_REQUIRE_ASYNC_MODULE') return import(file);
    throw error;
  }
}

function requirePackage(taskRoot, folder, file) {
  return requireFrom(requireFrom.resolve(file, { paths: [taskRoot, folder] }));
}

// Whether the nearest package.json calls `.js` files ES modules.
function isModule(folder) {
  if (folder.endsWith('/node_modules')) return false;
  const manifest = path.join(folder, 'package.json');
  if (fs.existsSync(manifest)) {
    try {
      return JSON.parse(fs.readFileSync(manifest, 'utf8'))?.type === 'module';
    } catch (error) {
      console.warn(`${manifest} cannot be read, it will be ignored for ES module detection purposes.`, error);
      return false;
    }
  }
  return folder === '/' ? false : isModule(path.dirname(folder));
}

module.exports = { loadHandler };
