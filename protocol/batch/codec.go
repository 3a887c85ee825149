package batch

// Codec is how the records of a batch are compressed, with Kafka's numbers.
type Codec int8

// The codecs.
const (
	NoCompression Codec = 0
	Gzip          Codec = 1
	Snappy        Codec = 2
	LZ4           Codec = 3
	Zstd          Codec = 4
)

// String returns Kafka's name of the codec.
func (c Codec) String() string {
	switch c {
	case NoCompression:
		return "none"
	case Gzip:
		return "gzip"
	case Snappy:
		return "snappy"
	case LZ4:
		return "lz4"
	case Zstd:
		return "zstd"
	}
	return "unknown"
}
