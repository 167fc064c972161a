package uitest

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"fyne.io/fyne/v2/theme"

	own "orrery/ui/theme"
)

// Variants runs f once for each variant of the theme, with an application that
// has it. picture is name with the variant.
func Variants(t *testing.T, name string, f func(t *testing.T, app fyne.App, picture string)) {
	t.Helper()
	for variant, v := range map[string]fyne.ThemeVariant{"light": theme.VariantLight, "dark": theme.VariantDark} {
		picture := name + "-" + variant
		t.Run(picture, func(t *testing.T) {
			app := test.NewTempApp(t)
			app.Settings().SetTheme(own.Fixed(v))
			f(t, app, picture)
		})
	}
}

// App is an application with the light theme.
func App(t *testing.T) fyne.App {
	t.Helper()
	app := test.NewTempApp(t)
	app.Settings().SetTheme(own.Fixed(theme.VariantLight))
	return app
}

// Picture compares content, in a window of a size, with testdata/<name>.png. A
// new picture is written to testdata/failed: look at it, and copy it if it is
// right.
func Picture(t *testing.T, name string, content fyne.CanvasObject, size fyne.Size) {
	t.Helper()
	w := test.NewTempWindow(t, content)
	w.Resize(size.AddWidthHeight(1, 1))
	w.Resize(size) // texts that wrap know their height after the first layout
	test.AssertRendersToImage(t, name+".png", w.Canvas())
}
