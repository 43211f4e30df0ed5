package slackd_test

import (
	"os"
	"path/filepath"

	"github.com/3astronautas/algesta/sandbox/browser"
)

// shot keeps a picture of the page when SLACKD_SHOTS names a folder for it.
func shot(name string) browser.Step {
	dir := os.Getenv("SLACKD_SHOTS")
	if dir == "" {
		return browser.Shot("")
	}
	return browser.Shot(filepath.Join(dir, name+".png"))
}
