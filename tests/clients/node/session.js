// What people do with node-zookeeper-client, step by step; the test restarts the server when this prints RESTART.
'use strict';
const assert = require('assert');
const readline = require('readline');
const zookeeper = require('node-zookeeper-client');
const { ACL, CreateMode, Event, Exception, Id, Permission } = zookeeper;

const PATIENCE_MS = 30000;
const hosts = process.argv[2];

// A client whose calls give promises; `events` collects what the watchers get.
function connect() {
    return new Promise((resolve, reject) => {
        const client = zookeeper.createClient(hosts, { sessionTimeout: 20000, spinDelay: 2000, retries: 0 });
        const late = setTimeout(() => reject(new Error('not connected')), PATIENCE_MS);
        client.once('connected', () => { clearTimeout(late); resolve(client); });
        client.connect();
    });
}

function call(client, method, ...args) {
    return new Promise((resolve, reject) => {
        client[method](...args, (error, ...results) => error ? reject(error) : resolve(results));
    });
}

// What other sessions have done is seen behind an own write, at any server; this client knows no sync.
function catchUp(client) {
    return call(client, 'setData', '/node', text(''), -1);
}

async function fails(code, promise) {
    await assert.rejects(promise, (error) => {
        assert.strictEqual(error.getCode(), code, error.toString());
        return true;
    });
}

class Events {
    constructor() {
        this.arrived = [];
        this.waiting = [];
        this.watcher = (event) => {
            const next = this.waiting.shift();
            next ? next(event) : this.arrived.push(event);
        };
    }

    async expect(type, path) {
        const event = this.arrived.shift() || await new Promise((resolve, reject) => {
            const late = setTimeout(() => reject(new Error(`no ${type} of ${path}`)), PATIENCE_MS);
            this.waiting.push((event) => { clearTimeout(late); resolve(event); });
        });
        assert.strictEqual(event.getType(), type);
        assert.strictEqual(event.getPath(), path);
    }
}

const step = (name) => console.log('ok:', name);
const text = (string) => Buffer.from(string);
const owner = (stat) => stat.ephemeralOwner.toString('hex');

async function crud(zk) {
    await call(zk, 'create', '/node', null, ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    const [path] = await call(zk, 'create', '/node/crud', text('one'), ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    assert.strictEqual(path, '/node/crud');
    const [data, stat] = await call(zk, 'getData', path, null);
    assert.strictEqual(data.toString(), 'one');
    assert.strictEqual(stat.version, 0);
    const [changed] = await call(zk, 'setData', path, text('two'), 0);
    assert.strictEqual(changed.version, 1);
    await fails(Exception.BAD_VERSION, call(zk, 'setData', path, text('three'), 0));
    await fails(Exception.NODE_EXISTS, call(zk, 'create', path, null, ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
    await fails(Exception.NOT_EMPTY, call(zk, 'remove', '/node', -1));
    const [names, parent] = await call(zk, 'getChildren', '/node', null);
    assert.deepStrictEqual(names, ['crud']);
    assert.strictEqual(parent.numChildren, 1);
    await call(zk, 'remove', path, 1);
    const [gone] = await call(zk, 'exists', path, null);
    assert.ok(!gone);
    await fails(Exception.NO_NODE, call(zk, 'getData', path, null));
    step('create, read, update, delete');
}

async function ephemeral(zk) {
    const other = await connect();
    await call(zk, 'create', '/node/queue', null, ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    let last;
    for (const [number, client] of [zk, zk, other].entries()) {
        [last] = await call(client, 'create', '/node/queue/n-', null, ACL.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
        assert.strictEqual(last, `/node/queue/n-000000000${number}`);
    }
    await catchUp(zk);
    const gone = new Events();
    const [stat] = await call(zk, 'exists', last, gone.watcher);
    assert.strictEqual(owner(stat), other.getSessionId().toString('hex'));
    other.close();
    await gone.expect(Event.NODE_DELETED, last);
    const [names] = await call(zk, 'getChildren', '/node/queue', null);
    assert.strictEqual(names.length, 2);
    step('ephemeral and sequential');
}

async function watches(zk) {
    const other = await connect();
    const events = new Events();
    await call(zk, 'exists', '/node/watched', events.watcher);
    await call(other, 'create', '/node/watched', text('1'), ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    await events.expect(Event.NODE_CREATED, '/node/watched');
    await call(zk, 'getData', '/node/watched', events.watcher);
    await call(zk, 'getChildren', '/node/watched', events.watcher);
    await call(other, 'setData', '/node/watched', text('2'), -1);
    await events.expect(Event.NODE_DATA_CHANGED, '/node/watched');
    await call(other, 'setData', '/node/watched', text('3'), -1); // The watch is used up.
    await call(other, 'create', '/node/watched/child', null, ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    await events.expect(Event.NODE_CHILDREN_CHANGED, '/node/watched');
    await call(other, 'remove', '/node/watched/child', -1);
    await call(other, 'remove', '/node/watched', -1);
    await catchUp(zk);
    const [deleted] = await call(zk, 'exists', '/node/watched', null);
    assert.ok(!deleted);
    assert.deepStrictEqual(events.arrived, []);
    other.close();
    step('watches');
}

async function multi(zk) {
    const results = await new Promise((resolve, reject) => zk.transaction()
        .create('/node/multi', text('a'))
        .setData('/node/multi', text('b'), 0)
        .check('/node/multi', 1)
        .create('/node/multi/n-', null, ACL.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL)
        .commit((error, results) => error ? reject(error) : resolve(results)));
    assert.strictEqual(results.length, 4);
    const [names] = await call(zk, 'getChildren', '/node/multi', null);
    assert.deepStrictEqual(names, ['n-0000000000']);
    const failed = await new Promise((resolve) => zk.transaction()
        .setData('/node/multi', text('never'), -1)
        .check('/node/multi', 7)
        .remove('/node/multi/n-0000000000', -1)
        .commit((error) => resolve(error)));
    assert.ok(failed, 'a multi with a wrong version succeeded');
    assert.strictEqual(failed.getCode(), Exception.BAD_VERSION, failed.toString());
    const [data, stat] = await call(zk, 'getData', '/node/multi', null);
    assert.strictEqual(data.toString(), 'b');
    assert.strictEqual(stat.version, 1);
    step('multi');
}

async function acl(zk) {
    const mine = await connect();
    mine.addAuthInfo('digest', text('owner:secret'));
    await call(mine, 'create', '/node/mine', text('x'), ACL.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
    await catchUp(zk);
    await fails(Exception.NO_AUTH, call(zk, 'getData', '/node/mine', null));
    await fails(Exception.NO_AUTH, call(zk, 'setData', '/node/mine', text('y'), -1));
    await fails(Exception.NO_AUTH, call(zk, 'setACL', '/node/mine', ACL.OPEN_ACL_UNSAFE, -1));
    const [acls, stat] = await call(mine, 'getACL', '/node/mine');
    assert.strictEqual(acls.length, 1);
    assert.strictEqual(acls[0].permission, Permission.ALL);
    assert.ok(acls[0].id.scheme === 'digest' && acls[0].id.id.startsWith('owner:'));
    const readable = [...acls, new ACL(Permission.READ, new Id('world', 'anyone'))];
    const [changed] = await call(mine, 'setACL', '/node/mine', readable, stat.aversion);
    assert.strictEqual(changed.aversion, 1);
    await catchUp(zk);
    const [data] = await call(zk, 'getData', '/node/mine', null);
    assert.strictEqual(data.toString(), 'x');
    await fails(Exception.NO_AUTH, call(zk, 'setData', '/node/mine', text('y'), -1));
    zk.addAuthInfo('digest', text('owner:secret'));
    await call(zk, 'setData', '/node/mine', text('y'), -1);
    mine.close();
    step('ACL with digest');
}

async function restart(zk) {
    const session = zk.getSessionId().toString('hex');
    await call(zk, 'create', '/node/alive', text('before'), ACL.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
    const lost = new Promise((resolve) => zk.once('disconnected', resolve));
    const back = new Promise((resolve) => zk.once('connected', resolve));
    zk.once('expired', () => assert.fail('the session expired'));
    const input = readline.createInterface({ input: process.stdin });
    const line = new Promise((resolve) => input.once('line', resolve));
    console.log('RESTART');
    assert.strictEqual(await line, 'restarted');
    input.close();
    await lost;
    await back;
    assert.strictEqual(zk.getSessionId().toString('hex'), session);
    const [data, stat] = await call(zk, 'getData', '/node/alive', null);
    assert.strictEqual(data.toString(), 'before');
    assert.strictEqual(owner(stat), session);
    await call(zk, 'setData', '/node/mine', text('z'), -1); // Credentials are sent again on every connection.
    step('same session after a restart');
}

async function main() {
    const zk = await connect();
    for (const part of [crud, ephemeral, watches, multi, acl, restart]) {
        await part(zk);
    }
    zk.close();
    console.log('DONE');
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
