"""Search strategies: from decisions and scores to proposals, independent of networks."""
