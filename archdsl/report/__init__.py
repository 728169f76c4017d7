"""Reports of runs: self-contained HTML pages with charts as inline SVG."""
