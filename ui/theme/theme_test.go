package theme

import (
	"image/color"
	"math"
	"testing"

	"fyne.io/fyne/v2"
	base "fyne.io/fyne/v2/theme"
)

// WCAG 2.1: 4.5:1 for text, 3:1 for shapes and the edges of things to press.
func TestContrast(t *testing.T) {
	t.Parallel()
	const text, shape = 4.5, 3
	pairs := []struct {
		front fyne.ThemeColorName
		backs []fyne.ThemeColorName
		least float64
	}{
		{base.ColorNameForeground, []fyne.ThemeColorName{
			base.ColorNameBackground, ColorSurface, ColorWarningSurface, ColorErrorSurface, base.ColorNameButton, base.ColorNameInputBackground,
			base.ColorNameHeaderBackground, base.ColorNameMenuBackground, base.ColorNameOverlayBackground,
		}, text},
		{ColorMuted, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface, ColorWarningSurface, ColorErrorSurface, base.ColorNameOverlayBackground, base.ColorNameHeaderBackground}, text},
		{base.ColorNamePlaceHolder, []fyne.ThemeColorName{base.ColorNameInputBackground}, text},
		{base.ColorNameHyperlink, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface}, text},
		{base.ColorNameForegroundOnPrimary, []fyne.ThemeColorName{base.ColorNamePrimary}, text},
		{base.ColorNameForegroundOnSuccess, []fyne.ThemeColorName{base.ColorNameSuccess}, text},
		{base.ColorNameForegroundOnWarning, []fyne.ThemeColorName{base.ColorNameWarning}, text},
		{base.ColorNameForegroundOnError, []fyne.ThemeColorName{base.ColorNameError}, text},
		{base.ColorNameSuccess, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface}, text},
		{base.ColorNameWarning, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface, ColorWarningSurface}, text},
		{base.ColorNameError, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface, ColorErrorSurface, base.ColorNameOverlayBackground}, text},
		{base.ColorNamePrimary, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface}, shape},
		{base.ColorNameInputBorder, []fyne.ThemeColorName{base.ColorNameInputBackground, base.ColorNameOverlayBackground}, shape},
		{base.ColorNameDisabled, []fyne.ThemeColorName{base.ColorNameBackground, ColorSurface, base.ColorNameDisabledButton}, shape},
	}
	for name, v := range map[string]fyne.ThemeVariant{"light": base.VariantLight, "dark": base.VariantDark} {
		th := Fixed(v)
		for _, p := range pairs {
			for _, back := range p.backs {
				if c := contrast(th.Color(p.front, v), th.Color(back, v)); c < p.least {
					t.Errorf("%s: %s on %s has contrast %.2f, want %v", name, p.front, back, c, p.least)
				}
			}
		}
	}
}

func TestBothVariantsHaveTheSameColours(t *testing.T) {
	t.Parallel()
	for n := range light {
		if _, ok := dark[n]; !ok {
			t.Errorf("dark lacks %s", n)
		}
	}
	if len(light) != len(dark) {
		t.Errorf("light has %d colours, dark %d", len(light), len(dark))
	}
}

func TestVariant(t *testing.T) {
	t.Parallel()
	follow := &Theme{}
	if follow.Color(base.ColorNameBackground, base.VariantDark) != dark[base.ColorNameBackground] {
		t.Error("the theme does not follow the system")
	}
	if Fixed(base.VariantLight).Color(base.ColorNameBackground, base.VariantDark) != light[base.ColorNameBackground] {
		t.Error("the fixed theme follows the system")
	}
	if follow.Font(fyne.TextStyle{}) == nil || follow.Icon(base.IconNameInfo) == nil || follow.Size(base.SizeNameText) <= 0 {
		t.Error("a font, an icon or a size is missing")
	}
}

func contrast(a, b color.Color) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(c color.Color) float64 {
	lin := func(v uint32) float64 {
		f := float64(v) / 0xffff
		if f <= 0.03928 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	r, g, b, _ := c.RGBA()
	return 0.2126*lin(r) + 0.7152*lin(g) + 0.0722*lin(b)
}
