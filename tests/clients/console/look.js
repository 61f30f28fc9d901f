// A person who looks at every part of the console, on a phone and on a screen, by day and by night, and takes pictures of it.
// Usage: look.js URL DIRECTORY. Whatever goes wrong in the page, or is asked of another machine, ends this with an error.
'use strict';
const assert = require('assert');
const path = require('path');
const puppeteer = require('puppeteer-core');

const [url, directory] = process.argv.slice(2);
const PATIENCE_MS = 30000;
const CHILDREN = 100000;
const SESSIONS = 5000;
const PAGE = 200;
// However much the server has, a page asks for no more than this at once: data of 128 KiB, as text, with a page of names.
const ANSWER_BYTES_MAX = 512 * 1024;
const WIDTHS = { phone: 360, screen: 1280 };
const SCHEMES = ['light', 'dark'];

// Each part: where it is, and what is there when it has been asked for.
const PARTS = {
    server: { hash: '#server', ready: 'dl', steps: checkServer },
    ensemble: { hash: '#ensemble', ready: '.card.me dl', steps: checkEnsemble },
    stages: { hash: '#stages', ready: 'rect', steps: checkStages },
    tree: { hash: '#tree=%2Flamps', ready: 'table[aria-label=Children]', steps: checkTree },
    znode: { hash: '#tree=%2Fsettings', ready: 'pre', steps: checkZnode },
    sessions: { hash: '#sessions', ready: 'table[aria-label=Sessions]', steps: checkSessions },
    watches: { hash: '#watches', ready: 'table[aria-label=Watches]', steps: checkWatches },
    log: { hash: '#log', ready: 'pre[role=log]', steps: checkLog },
    changes: { hash: '#tree=%2Fcup', ready: 'pre', steps: checkChanges },
};

function holds(page, test, ...args) {
    return page.waitForFunction(test, { timeout: PATIENCE_MS }, ...args);
}

function hasText(page, text) {
    return holds(page, (text) => document.getElementById('main').textContent.includes(text), text);
}

async function count(page, selector) {
    return (await page.$$(selector)).length;
}

async function press(page, text) {
    await page.evaluate((text) => {
        const buttons = Array.from(document.querySelectorAll('main button'));
        buttons.find((button) => button.textContent === text && !button.disabled).click();
    }, text);
}

async function pressWhenThere(page, text) {
    const isThere = (text) => Array.from(document.querySelectorAll('main button')).some((button) => button.textContent === text);
    await holds(page, isThere, text);
    await press(page, text);
}

async function checkServer(page) {
    await hasText(page, 'standalone');
    await holds(page, () => document.querySelectorAll('.plot-line').length >= 4);
    assert.strictEqual(await page.$eval('#state', (state) => state.textContent), 'standalone');
}

async function checkEnsemble(page) {
    await hasText(page, 'This server stands alone');
}

async function checkStages(page) {
    assert(await count(page, 'table[aria-label="Stages of a write"] tbody tr') >= 4);
}

async function checkTree(page) {
    const rows = 'table[aria-label=Children] tbody tr';
    await hasText(page, `${CHILDREN.toLocaleString('en')} children`);
    assert.strictEqual(await count(page, rows), PAGE);
    await press(page, 'Next page');
    await hasText(page, 'page 2');
    await hasText(page, 'lamp-000399');
    await page.type('input[name=prefix]', 'lamp-0999');
    await press(page, 'Show');
    await hasText(page, '100 begin with it');
    assert.strictEqual(await count(page, rows), 100);
    await page.type('input[name=text]', 'ephemeral-04999');
    await press(page, 'Search');
    await holds(page, () => {
        const found = document.querySelector('section[aria-label="Found paths"]');
        const more = Array.from(found.querySelectorAll('button')).find((button) => button.textContent === 'Look further');
        if (found.querySelectorAll('li').length === 0 && more) more.click();
        return found.querySelectorAll('li').length === 1;
    });
}

async function checkZnode(page) {
    await hasText(page, '"brightness": 7');
    await press(page, 'Hex');
    await hasText(page, '7b 22 62 72');
    await press(page, 'Text');
    await hasText(page, '<script>');
    assert.strictEqual(await count(page, 'main script'), 0, 'data never becomes markup');
}

async function checkSessions(page) {
    const rows = 'table[aria-label=Sessions] tbody tr';
    await hasText(page, 'sessions');
    const all = await page.$eval('main h3', (heading) => Number(heading.textContent.replace(/\D/g, '')));
    assert(all >= SESSIONS, `${all} sessions`);
    assert.strictEqual(await count(page, rows), PAGE);
    await press(page, 'Next page');
    await hasText(page, 'page 2');
    assert.strictEqual(await count(page, rows), PAGE);
}

async function checkWatches(page) {
    await hasText(page, '/settings');
}

async function checkLog(page) {
    await hasText(page, 'AdminServer listens on');
}

// A user logs in, changes data, makes a znode and deletes it, and logs out.
async function checkChanges(page) {
    await page.click('#visitor');
    await page.type('input[name=user]', 'pat');
    await page.type('input[name=password]', 'secret');
    await page.click('#login button[type=submit]');
    const text = `coffee ${Math.random()}`;
    await pressWhenThere(page, 'Change the data');
    await page.$eval('main textarea', (area, text) => { area.value = text; }, text);
    await press(page, 'Save');
    await hasText(page, text);
    await pressWhenThere(page, 'New child');
    await page.type('main input[name=name]', 'saucer');
    await press(page, 'Create');
    await holds(page, () => location.hash === '#tree=%2Fcup%2Fsaucer');
    await pressWhenThere(page, 'Delete');
    await pressWhenThere(page, 'Delete it');
    await holds(page, () => location.hash === '#tree=%2Fcup');
    await hasText(page, text);
    await page.click('#visitor');
    await page.click('#logout');
    await holds(page, () => document.getElementById('visitor').textContent.startsWith('Not logged in'));
    await page.click('#visitor');
    await page.waitForSelector('pre', { timeout: PATIENCE_MS });
}

// What is too wide has to be moved to be read; tables and data may be moved in their own places.
async function checkWidth(page, name) {
    const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert(wide <= width, `${name} is ${wide} pixels wide, and the window ${width}`);
}

// Each thing that can be pressed or written into has a name, and the keyboard reaches it.
async function checkNames(page, name) {
    const nameless = await page.evaluate(() => {
        const named = (one) => one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length;
        return Array.from(document.querySelectorAll('a, button, input, svg[role=img]')).filter((one) => !named(one)).length;
    });
    assert.strictEqual(nameless, 0, `${name} has parts without a name`);
    await page.keyboard.press('Tab');
    assert.notStrictEqual(await page.evaluate(() => document.activeElement.tagName), 'BODY', name);
}

async function look(browser, scheme, [device, width]) {
    const page = await browser.newPage();
    const mistakes = [];
    page.on('console', (message) => message.type() === 'error' && mistakes.push(message.text()));
    page.on('pageerror', (error) => mistakes.push(String(error)));
    const isOwn = (asked) => asked.startsWith(new URL(url).origin) || asked.startsWith('about:');
    page.on('request', (request) => isOwn(request.url()) || mistakes.push(`asks ${request.url()}`));
    let answers = 0;
    page.on('response', (response) => {
        if (new URL(response.url(), url).pathname.startsWith('/console/api/')) {
            const bytes = Number(response.headers()['content-length']);
            answers += 1;
            if (!(bytes <= ANSWER_BYTES_MAX)) mistakes.push(`${response.url()} is answered ${bytes} bytes`);
        }
    });
    await page.setViewport({ width, height: 800, deviceScaleFactor: 1 });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
    for (const [name, { hash, ready, steps }] of Object.entries(PARTS)) {
        await page.goto('about:blank');
        await page.goto(url + hash);
        await page.waitForSelector(ready, { timeout: PATIENCE_MS });
        await steps(page);
        await checkWidth(page, `${name} on a ${device}`);
        await page.screenshot({ path: path.join(directory, `console-${name}-${device}-${scheme}.png`) });
        await checkNames(page, name);
        assert.deepStrictEqual(mistakes, [], `${name} on a ${device}, ${scheme}`);
    }
    assert(answers >= Object.keys(PARTS).length, `${answers} answers were looked at`);
    await page.close();
}

async function main() {
    const browser = await puppeteer.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });
    try {
        for (const scheme of SCHEMES) {
            for (const device of Object.entries(WIDTHS)) {
                await look(browser, scheme, device);
            }
        }
    } finally {
        await browser.close();
    }
    console.log('LOOKED');
}

main().catch((error) => { console.error(error); process.exit(1); });
