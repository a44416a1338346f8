"""From the bytes of a document to text, and from text to blocks: Markdown, plain text, PDF."""
