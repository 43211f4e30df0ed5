package slackd

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

func (c *checker) table(at string, b object) {
	c.tables++
	c.required(at, b, "rows")
	before := c.chars
	c.count(at+"/column_settings", b["column_settings"], 0, 20)
	for i, r := range c.count(at+"/rows", b["rows"], 1, 100) {
		row := fmt.Sprintf("%s/rows/%d", at, i)
		for j, cell := range c.count(row, r, 1, 20) {
			c.cell(fmt.Sprintf("%s/%d", row, j), cell, "raw_text", "raw_number", "rich_text")
		}
	}
	if c.chars-before > maxTableChars {
		c.fail(at, "must be less than %d characters", maxTableChars+1)
	}
}

func (c *checker) cell(at string, v any, kinds ...string) {
	cell, _ := v.(object)
	kind, _ := cell["type"].(string)
	switch {
	case !slices.Contains(kinds, kind):
		c.fail(at+"/type", "unsupported type: %s", kind)
	case kind == "rich_text":
		c.richText(at, cell)
	case kind == "raw_text":
		c.required(at, cell, "text")
		c.length(at+"/text", cell["text"], 1, maxTableChars)
		text, _ := cell["text"].(string)
		c.chars += utf8.RuneCountInString(text)
	case cell["value"] == nil && cell["text"] == nil:
		c.fail(at, "missing required field: value")
	}
}

func (c *checker) dataTable(at string, b object) {
	c.tables++
	c.required(at, b, "rows", "caption")
	before := c.chars
	for i, r := range c.count(at+"/rows", b["rows"], 2, 201) {
		row := fmt.Sprintf("%s/rows/%d", at, i)
		for j, cell := range c.count(row, r, 1, 20) {
			if i == 0 {
				c.cell(fmt.Sprintf("%s/%d", row, j), cell, "raw_text", "raw_number")
				continue
			}
			c.cell(fmt.Sprintf("%s/%d", row, j), cell, "raw_text", "raw_number", "rich_text")
		}
	}
	if c.chars-before > 2*maxTableChars {
		c.fail(at, "must be less than %d characters", 2*maxTableChars+1)
	}
}

func (c *checker) markdownBlock(at string, b object) {
	c.required(at, b, "text")
	c.length(at+"/text", b["text"], 1, maxMarkdownChars)
	text, _ := b["text"].(string)
	c.markdown += utf8.RuneCountInString(text)
	c.chars += utf8.RuneCountInString(text)
}

func (c *checker) taskCard(at string, b object) {
	c.required(at, b, "task_id", "title", "status")
	c.length(at+"/title", b["title"], 1, 256)
	c.oneOf(at+"/status", b["status"], "in_progress", "complete", "error")
}
