package batch

import (
	"bytes"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// decoder decompresses the records of one batch and goes back to its pool afterwards. A Read that returns
// no bytes returns an error.
type decoder interface {
	io.Reader
	release()
}

// openDecoder returns a decoder for data; codec is one that compresses.
func openDecoder(codec Codec, data []byte) (decoder, error) {
	switch codec {
	case Gzip:
		return openGzip(data)
	case Snappy:
		return openSnappy(data), nil
	case LZ4:
		return openLZ4(data), nil
	default:
		return openZstd(data)
	}
}

type gzipDecoder struct {
	gzip.Reader
	source bytes.Reader
}

var gzips = sync.Pool{New: func() any { return new(gzipDecoder) }}

func openGzip(data []byte) (decoder, error) {
	d := gzips.Get().(*gzipDecoder)
	d.source.Reset(data)
	if err := d.Reset(&d.source); err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

func (d *gzipDecoder) release() {
	d.source.Reset(nil)
	gzips.Put(d)
}

type lz4Decoder struct {
	*lz4.Reader
	source bytes.Reader
}

var lz4s = sync.Pool{New: func() any { return &lz4Decoder{Reader: lz4.NewReader(nil)} }}

func openLZ4(data []byte) decoder {
	d := lz4s.Get().(*lz4Decoder)
	d.source.Reset(data)
	d.Reset(&d.source)
	return d
}

func (d *lz4Decoder) release() {
	d.source.Reset(nil)
	d.Reset(nil)
	lz4s.Put(d)
}

// maxZstdWindow is the largest window that a zstd frame may ask for: what level 22 uses, and Kafka's own
// limit. The decoder takes that memory.
const maxZstdWindow = 128 << 20

type zstdDecoder struct {
	*zstd.Decoder
	source bytes.Reader
}

var zstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1), // decodes in the caller's goroutine
		zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow),
		zstd.WithDecoderMaxMemory(MaxDecompressedBytes))
	if err != nil {
		panic("BUG: got zstd options that are refused: " + err.Error())
	}
	return &zstdDecoder{Decoder: d}
}}

func openZstd(data []byte) (decoder, error) {
	d := zstds.Get().(*zstdDecoder)
	d.source.Reset(data)
	if err := d.Reset(&d.source); err != nil {
		d.release()
		return nil, err
	}
	return d, nil
}

func (d *zstdDecoder) release() {
	d.source.Reset(nil)
	if err := d.Reset(nil); err == nil {
		zstds.Put(d)
	}
}
