import { render } from 'preact';
import './styles/page.css';
import { startAddress } from './state/address.js';
import { watchDevice } from './state/load.js';
import { startOffline } from './state/offline.js';
import { showPrepared } from './state/prepared.js';
import { App } from './views/app.js';

const page = document.getElementById('page');
if (page) {
  startOffline();
  void startAddress().then(showPrepared);
  watchDevice();
  render(<App />, page);
}
