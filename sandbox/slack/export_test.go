package slackd

// Checked is what is stored of blocks that pass, or nothing.
func Checked(blocks []any) []Block {
	if checkMessage(blocks) != nil {
		return nil
	}
	return fillIDs(blocks)
}
