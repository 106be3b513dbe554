import test from 'node:test'
import { json } from 'nymtrail/endpoints/json'
import { endpointConformance } from 'nymtrail/testing'

for (const { name, run } of endpointConformance(() => json('https://in.example'))) test(name, run)
