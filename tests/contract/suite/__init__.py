"""What the contract's tests stand on: the declaration of a language, its deployed functions, builds, the page of results."""
