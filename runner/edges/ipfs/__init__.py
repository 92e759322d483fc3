"""IPFS: where bundles are kept and fetched from. Every adapter bounds time and size, and believes nothing."""
