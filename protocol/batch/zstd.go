package batch

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// A zstd frame says how large a window its decoder must keep, and the decoder takes that memory at once,
// however few bytes follow. Clients up to compression level 19 stay within commonWindow; level 22 asks for
// maxWindow, which is Kafka's own limit.
const (
	commonWindow = 8 << 20
	maxWindow    = 128 << 20
	// largeWindows is how many batches with a window above commonWindow are read at the same time. One
	// more waits for its turn: twenty bytes from a client must not take 128 MB as often as he likes.
	largeWindows = 2
)

var largeTurns = make(chan struct{}, largeWindows)

type zstdDecoder struct {
	*zstd.Decoder
	source bytes.Reader
	large  bool
}

var zstds = sync.Pool{New: func() any { return newZstd(commonWindow) }}

func newZstd(window uint64) *zstdDecoder {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), // decodes in the caller's goroutine
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(window),
		zstd.WithDecoderMaxMemory(MaxDecompressedBytes))
	if err != nil {
		panic("BUG: got zstd options that are refused: " + err.Error())
	}
	return &zstdDecoder{Decoder: d}
}

// openZstd judges the window by the first frame. Producers write one frame; a later one with a larger
// window is refused by the decoder.
func openZstd(data []byte) (decoder, error) {
	var d *zstdDecoder
	var header zstd.Header
	if err := header.Decode(data); err == nil && header.WindowSize > commonWindow {
		largeTurns <- struct{}{}
		d = newZstd(maxWindow)
		d.large = true
	} else {
		d = zstds.Get().(*zstdDecoder)
	}
	d.source.Reset(data)
	if err := d.Reset(&d.source); err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

func (d *zstdDecoder) release() {
	d.source.Reset(nil)
	if d.large {
		d.Close()
		<-largeTurns
		return
	}
	if err := d.Reset(nil); err == nil {
		zstds.Put(d)
	}
}
