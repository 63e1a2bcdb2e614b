"""Files with texts to sections: plain text, Markdown, HTML, PDF and Word."""
