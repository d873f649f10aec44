#!/usr/bin/env node
// A file of its own, since npm links it when it installs, and what the build makes is not there yet.
import '../dist/main.js';
