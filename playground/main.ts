import { startPlayground } from './page.js';

startPlayground(document.getElementById('playground') as HTMLElement, location);
