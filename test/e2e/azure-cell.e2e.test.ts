// The Azure cell, whole: the real app in its host, real SDKs, emulators that speak Azure’s protocols.
import { openAzureCell } from '../support/azure-cell-harness.ts';
import { cellSuite } from './cell.suite.ts';

jest.setTimeout(90_000);

cellSuite('Azure', () => openAzureCell());
