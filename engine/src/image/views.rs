//! What a picture is to a model: what the tower is shown of it, and what becomes of that.
//!
//! The non-obvious thing: this belongs to a picture and not to a model. It is found from the picture's size when a prompt
//! is composed, stays with the prompt's item, and whatever counts rows or positions reads it there.

/// What the tower is shown of a picture or of each frame of a video, and what becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Views {
    /// Pixels that the tower is shown at once, across and down.
    pub size: (u32, u32),
    /// Pixels of the tiles ahead of the whole, where these have another size.
    pub tile: Option<(u32, u32)>,
    /// How often it is shown so many: 1, or the whole picture and its tiles.
    pub tiles: usize,
    /// Rows that tower and bridge make of it.
    pub rows: usize,
    /// Positions that it takes in the prompt: its rows where they stand in the place of embeddings, one where a token
    /// stands for all of them.
    pub positions: usize,
    /// Lines and rows of a line, where the rows stand as a grid on axes of their own.
    pub grid: Option<(usize, usize)>,
}
