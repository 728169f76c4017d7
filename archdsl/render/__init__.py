"""Formats diagnostics: as text, as JSON, and as SARIF for code hosts."""
