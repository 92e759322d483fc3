"""Bundles as IPFS names them: blocks, CIDs, CARs, and keeping them in several places. Pure."""
