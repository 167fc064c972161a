package qr

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"strings"

	"rsc.io/qr"
)

// quiet is the white margin that scanners need, in modules (ISO/IEC 18004).
const quiet = 4

// encode makes the modules of a text, with an error correction that survives a
// smudge (level M).
func encode(text string) (*qr.Code, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return nil, fmt.Errorf("make a QR picture of %d characters: %w", len(text), err)
	}
	return code, nil
}

// Picture draws text as a QR picture, one pixel per module, black on white
// whatever the theme, with its quiet zone. Scale it without smoothing.
func Picture(text string) (image.Image, error) { return draw(text, 1) }

// draw draws with so many pixels per module.
func draw(text string, scale int) (*image.Paletted, error) {
	code, err := encode(text)
	if err != nil {
		return nil, err
	}
	side := (code.Size + 2*quiet) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if code.Black(x/scale-quiet, y/scale-quiet) {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	return img, nil
}

// fileScale is the number of pixels per module of a picture in a file: enough to
// be scanned from a screen, and to be printed.
const fileScale = 8

// PNG returns a QR picture of text as the content of a PNG file.
func PNG(text string) ([]byte, error) {
	img, err := draw(text, fileScale)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return nil, fmt.Errorf("write a QR picture: %w", err)
	}
	return b.Bytes(), nil
}

// Colours of a QR picture on a terminal: black on white, whatever it uses
// otherwise.
const (
	blackOnWhite = "\x1b[30;107m"
	plain        = "\x1b[0m"
)

// Blocks draws text as a QR picture of half blocks, one character for two
// modules that stand above each other, in lines that end with a line feed. With
// coloured the terminal is told to be black on white, without which a picture on a
// dark terminal is a negative that not every scanner reads.
func Blocks(text string, coloured bool) (string, error) {
	code, err := encode(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		if coloured {
			b.WriteString(blackOnWhite)
		}
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteString([]string{" ", "▄", "▀", "█"}[bit(code.Black(x, y))*2+bit(code.Black(x, y+1))])
		}
		if coloured {
			b.WriteString(plain)
		}
		b.WriteString("\n")
	}
	return b.String(), nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
