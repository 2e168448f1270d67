import axios from 'axios';
import { inTurn, type MakeContender, PATH } from '../contender.js';

/** axios with its defaults: node:http, no policies. */
export const contender: MakeContender = (urls) => {
  const next = inTurn(urls.map((url) => url + PATH));
  return { get: () => axios.get<unknown>(next()).then((response) => response.data) };
};
