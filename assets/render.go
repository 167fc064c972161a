//go:build ignore

// Render turns the SVG pictures into PNG files: go run assets/render.go OUT SIZE FILE...
package main

import (
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
)

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: render OUT SIZE FILE...")
		os.Exit(2)
	}
	size, err := strconv.Atoi(os.Args[2])
	for i := 3; err == nil && i < len(os.Args); i++ {
		err = render(os.Args[i], os.Args[1], size)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render(from, dir string, size int) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	icon, err := oksvg.ReadIconStream(in, oksvg.StrictErrorMode)
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	icon.SetTarget(0, 0, float64(size), float64(size))
	img := image.NewRGBA(image.Rect(0, 0, size, size))
	icon.Draw(rasterx.NewDasher(size, size, rasterx.NewScannerGV(size, size, img, img.Bounds())), 1)
	out, err := os.Create(filepath.Join(dir, strings.TrimSuffix(filepath.Base(from), ".svg")+".png"))
	if err != nil {
		return err
	}
	if err := png.Encode(out, img); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
