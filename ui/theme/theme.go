// Package theme has the colours and sizes of the application, light and dark.
// Every pair of colours that carries text or a shape has enough contrast, which
// a test proves. Fonts and icons are Fyne's.
package theme

import (
	"image/color"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
)

// Colours of our own, beside Fyne's.
const (
	// ColorMuted is for text of second rank.
	ColorMuted fyne.ThemeColorName = "orreryMuted"
	// ColorSurface lies under groups of things, on the background.
	ColorSurface fyne.ThemeColorName = "orrerySurface"
	// ColorWarningSurface and ColorErrorSurface lie under banners.
	ColorWarningSurface fyne.ThemeColorName = "orreryWarningSurface"
	ColorErrorSurface   fyne.ThemeColorName = "orreryErrorSurface"
)

// Theme is Orrery's theme. The zero value follows the system's choice of light
// or dark.
type Theme struct {
	fixed   bool
	variant fyne.ThemeVariant
}

// Fixed returns the theme in one variant, whatever the system says.
func Fixed(v fyne.ThemeVariant) *Theme { return &Theme{fixed: true, variant: v} }

var _ fyne.Theme = (*Theme)(nil)

// Color implements fyne.Theme.
func (t *Theme) Color(name fyne.ThemeColorName, v fyne.ThemeVariant) color.Color {
	if t.fixed {
		v = t.variant
	}
	set := light
	if v == base.VariantDark {
		set = dark
	}
	if c, ok := set[name]; ok {
		return c
	}
	return base.DefaultTheme().Color(name, v)
}

// Font implements fyne.Theme.
func (t *Theme) Font(s fyne.TextStyle) fyne.Resource { return base.DefaultTheme().Font(s) }

// Icon implements fyne.Theme.
func (t *Theme) Icon(n fyne.ThemeIconName) fyne.Resource { return base.DefaultTheme().Icon(n) }

// Size implements fyne.Theme.
func (t *Theme) Size(n fyne.ThemeSizeName) float32 {
	switch n {
	case base.SizeNameInnerPadding:
		return 7
	case base.SizeNameHeadingText:
		return 22
	case base.SizeNameSubHeadingText:
		return 17
	case base.SizeNameModalBlurRadius:
		return 0 // blurring costs much where there is no GPU
	}
	return base.DefaultTheme().Size(n)
}
