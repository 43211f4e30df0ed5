package facts

const (
	BlockNone Block = iota
	BlockVolume
	BlockSelector
	BlockTaint
	BlockCordon
	BlockAffinity
	BlockSpread
	BlockCPU
	BlockMemory
	BlockPods
	BlockOther
	BlockPort
)
