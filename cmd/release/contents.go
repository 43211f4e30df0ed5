package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
)

// contents lists what a program is made of, from what the Go linker wrote into it: its modules with their versions and checksums.
func contents(info *debug.BuildInfo, s source, digest string) *cyclonedx.BOM {
	bom := cyclonedx.NewBOM()
	self := cyclonedx.Component{
		BOMRef: "algesta", Type: cyclonedx.ComponentTypeApplication, Name: info.Main.Path, Version: s.version,
		PackageURL: "pkg:golang/" + info.Main.Path + "@" + s.version,
		Hashes:     &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: digest}},
	}
	bom.Metadata = &cyclonedx.Metadata{Timestamp: s.at.Format(time.RFC3339), Component: &self}
	parts := []cyclonedx.Component{{
		BOMRef: "go", Type: cyclonedx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion, PackageURL: "pkg:golang/std@" + info.GoVersion,
	}}
	needs := []string{"go"}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		ref := m.Path + "@" + m.Version
		parts = append(parts, cyclonedx.Component{
			BOMRef: ref, Type: cyclonedx.ComponentTypeLibrary, Name: m.Path, Version: m.Version, PackageURL: "pkg:golang/" + ref,
			Properties: &[]cyclonedx.Property{{Name: "go.sum", Value: m.Sum}},
		})
		needs = append(needs, ref)
	}
	bom.Components = &parts
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: "algesta", Dependencies: &needs}}
	return bom
}

// writeContents writes the list of a program into a file, as CycloneDX.
func writeContents(binary, to string, s source) error {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return fmt.Errorf("reading what %s is made of: %w", binary, err)
	}
	program, err := os.ReadFile(binary) //nolint:gosec // it was just built
	if err != nil {
		return fmt.Errorf("reading the binary: %w", err)
	}
	sum := sha256.Sum256(program)
	var out bytes.Buffer
	encoder := cyclonedx.NewBOMEncoder(&out, cyclonedx.BOMFileFormatJSON).SetPretty(true)
	if err := encoder.EncodeVersion(contents(info, s, hex.EncodeToString(sum[:])), cyclonedx.SpecVersion1_5); err != nil {
		return fmt.Errorf("writing the list of contents: %w", err)
	}
	if err := os.WriteFile(to, out.Bytes(), 0o644); err != nil { //nolint:gosec // what is published may be read
		return fmt.Errorf("writing the list of contents: %w", err)
	}
	return nil
}
