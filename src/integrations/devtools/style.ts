/** `all: initial` keeps the page's styles out and resets `color-scheme` too, which is therefore set again. */
export const STYLE = `
:host{all:initial;color-scheme:light dark;position:fixed;inset-block-end:12px;inset-inline-end:12px;z-index:2147483000;
--text:light-dark(#1b1f24,#e8ebef);--soft:light-dark(#57606a,#a3adb8);--back:light-dark(#fff,#16191d);--line:light-dark(#d0d7de,#3a424b);
--raise:light-dark(#f3f5f7,#22272d);--fresh:light-dark(#1a7f4b,#3fb27f);--stale:light-dark(#9a6700,#d9a23a);--bad:light-dark(#b42318,#ff8a80);
color:var(--text);font:13px/1.45 system-ui,sans-serif}
:host([hidden]){display:none}
*{box-sizing:border-box}
h2,h3,p,dl,dd,ol,ul{margin:0;padding:0;list-style:none}
h2,h3{font-size:1.1em}h3{font-size:1em;margin-block-end:4px}
button,select{font:inherit;color:inherit;background:var(--raise);border:1px solid var(--line);border-radius:6px;padding:3px 8px;min-height:26px}
button:disabled{opacity:.6}
button[aria-pressed=true]{background:var(--bad);border-color:var(--bad);color:var(--back);font-weight:600}
:focus-visible{outline:2px solid;outline-offset:2px}
.toggle{border-radius:16px;padding:6px 12px;box-shadow:0 4px 24px #0005;background:var(--back)}
section{display:flex;flex-direction:column;gap:12px;inline-size:430px;max-inline-size:calc(100vw - 24px);max-block-size:min(740px,calc(100vh - 24px));
overflow:auto;background:var(--back);border:1px solid var(--line);border-radius:10px;padding:12px;box-shadow:0 4px 24px #0005}
section[hidden]{display:none}
header,.row,.faults{display:flex;gap:6px;flex-wrap:wrap;align-items:center}
header h2,.row h3{flex:1}
.bar{position:relative;block-size:14px;border-radius:7px;background:var(--fresh);overflow:hidden;border:1px solid var(--line)}
.bar.none,.bar.unknown{background:var(--raise)}
.late,.over{position:absolute;inset-block:0}
.late{inset-inline:var(--stale-from,100%) 0;background:var(--stale)}
.over{inset-inline:0 calc(100% - var(--now,0%));background:light-dark(#fffb,#0009);border-inline-end:3px solid var(--text);transition:inset-inline-end .4s linear}

.none *,.unknown *{display:none}
dl{display:grid;grid-template-columns:max-content 1fr;gap:2px 10px}
dt{color:var(--soft)}dd{overflow-wrap:anywhere}
p,dd,li,span,button{unicode-bidi:plaintext;text-align:-webkit-match-parent;text-align:match-parent}.row+ol{margin-block-start:4px}
.state{font-weight:600;margin-block-end:6px}
.small,.faults span{color:var(--soft);font-size:12px}.bar+p{margin-block-start:4px}
.group{display:grid;gap:10px}.faults{flex-wrap:nowrap;margin-block-end:6px}.faults span{flex:0 0 6em}
ol{max-block-size:200px;overflow:auto;border:1px solid var(--line);border-radius:6px}
ol:empty{display:none}
li{padding:4px 8px;border-block-end:1px solid var(--line);overflow-wrap:anywhere}
ol li:last-child{border:0}
code{font:12px monospace;color:var(--soft)}
summary{color:var(--soft);margin-block-start:4px}
@media (prefers-reduced-motion:reduce){.over{transition:none}}
`;
