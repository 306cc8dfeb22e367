// SPDX-License-Identifier: MIT
// A node of the network as most people would write it first: Express in front, axios behind, everybody is waited for. It is what
// bench/network.sh measures federationd beside, and nothing else.
//
// node node.js PORT < ports of the peers, one a line
const axios = require('axios');
const express = require('express');
const fs = require('fs');
const http = require('http');

const peers = fs.readFileSync(0, 'utf8').split('\n').filter(Boolean).map((port, i) => ({
  id: `peer-${i}`,
  name: `Peer ${i}`,
  url: `http://127.0.0.1:${port}`,
}));
const client = axios.create({timeout: 3000, httpAgent: new http.Agent({keepAlive: true})});
const app = express();

async function ask(peer, q) {
  const began = Date.now();
  try {
    const {data} = await client.get(`${peer.url}/api/search`, {params: {q, query: q, limit: 20}});
    const results = data.results.map((result) => ({
      ...result, source_node: peer.id, source_name: peer.name, source_url: peer.url, revenue_share_pct: 15,
    }));
    return {results, row: {id: peer.id, status: 'ok', ms: Date.now() - began, count: results.length, error: null}};
  } catch (e) {
    return {results: [], row: {id: peer.id, status: 'error', ms: Date.now() - began, count: 0, error: e.message}};
  }
}

app.get('/api/network/search', async (req, res) => {
  const q = req.query.q || req.query.query;
  if (!q) return res.status(400).json({success: false, error: 'q is missing'});
  const answers = await Promise.all(peers.map((peer) => ask(peer, q)));
  const network = answers.flatMap((a) => a.results).sort((a, b) => b.relevance - a.relevance);
  return res.json({
    success: true, query: q, local: [], network, results: network.slice(0, 20), totalResults: network.length,
    peers: answers.map((a) => a.row),
  });
});
app.get('/api/config', (req, res) => res.json({paymentMode: 'primary', stripeEnabled: true, cryptoEnabled: true}));
app.get('/api/health', (req, res) => res.json({status: 'ok'}));
app.listen(Number(process.argv[2]), '127.0.0.1');
