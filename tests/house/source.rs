//! The sources, as far as the rules ask.

use std::path::{Path, PathBuf};

use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Expr, Lit, Token, UseTree};

/// The repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A source file.
pub struct File {
    /// Its path from the repository on, such as `src/lib.rs`.
    pub name: String,
    /// What is in it.
    pub text: String,
    syntax: syn::File,
}

/// Every file under `src`.
pub fn sources() -> Vec<File> {
    let mut names = Vec::new();
    collect(&root().join("src"), &mut names);
    names.sort();
    let parse = |name: String| {
        let text = read(&name);
        let syntax = syn::parse_file(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        File { name, text, syntax }
    };
    names.into_iter().map(parse).collect()
}

fn collect(folder: &Path, names: &mut Vec<String>) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root()).expect("a file of ours");
            names.push(name.to_string_lossy().into_owned());
        }
    }
}

impl File {
    /// Its module: `["http", "v1", "auth"]` for `src/http/v1/auth.rs`.
    pub fn module(&self) -> Vec<String> {
        let path = self.name.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
        path.split('/').map(str::to_owned).collect()
    }

    /// Every path that it writes, from the crate or the library on.
    pub fn paths(&self) -> Vec<Vec<String>> {
        let mut finder = Paths { module: self.module(), found: Vec::new() };
        finder.visit_file(&self.syntax);
        finder.found
    }

    /// Its lines without comments and without its tests, which come last.
    pub fn code_lines(&self) -> impl Iterator<Item = String> {
        let code = self.text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        code.lines().map(str::trim).filter(|line| !line.starts_with("//")).map(str::to_owned)
    }

    /// Its functions, each with how many lines it has.
    pub fn functions(&self) -> Vec<(String, usize)> {
        let mut finder = Functions(Vec::new());
        finder.visit_file(&self.syntax);
        finder.0
    }

    /// The text of every query that is checked against the database.
    pub fn queries(&self) -> Vec<String> {
        let mut finder = Queries(Vec::new());
        finder.visit_file(&self.syntax);
        finder.0
    }
}

/// What stands between the parentheses of a macro, where that is a list of expressions.
fn arguments(node: &syn::Macro) -> Vec<Expr> {
    let list = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(node.tokens.clone());
    list.map(|list| list.into_iter().collect()).unwrap_or_default()
}

struct Paths {
    module: Vec<String>,
    found: Vec<Vec<String>>,
}

impl Paths {
    fn found(&mut self, path: Vec<String>) {
        let ups = path.iter().take_while(|part| *part == "super").count();
        let is_relative = ups > 0 || path.first().is_some_and(|first| first == "self");
        let resolved = if is_relative {
            let kept = self.module.len().saturating_sub(ups);
            let below = path.into_iter().skip(ups.max(1));
            ["crate".to_owned()].into_iter().chain(self.module[..kept].to_vec()).chain(below).collect()
        } else {
            path
        };
        self.found.push(resolved);
    }

    fn tree(&mut self, tree: &UseTree, before: &[String]) {
        let with = |name: String| [before, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) => self.found(with(name.ident.to_string())),
            UseTree::Rename(name) => self.found(with(name.ident.to_string())),
            UseTree::Glob(_) => self.found(before.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(tree, before)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        self.module.push(node.ident.to_string());
        visit::visit_item_mod(self, node);
        self.module.pop();
    }

    fn visit_item_use(&mut self, node: &'ast syn::ItemUse) {
        self.tree(&node.tree, &[]);
    }

    fn visit_path(&mut self, node: &'ast syn::Path) {
        self.found(node.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, node);
    }

    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        visit::visit_macro(self, node);
        let mut inside = Paths { module: self.module.clone(), found: Vec::new() };
        for argument in &arguments(node) {
            inside.visit_expr(argument);
        }
        self.found.extend(inside.found);
    }
}

struct Functions(Vec<(String, usize)>);

impl Functions {
    fn found(&mut self, signature: &syn::Signature, whole: &impl Spanned) {
        let lines = whole.span().end().line - signature.span().start().line + 1;
        self.0.push((signature.ident.to_string(), lines));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.found(&node.sig, node);
        visit::visit_item_fn(self, node);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.found(&node.sig, node);
        visit::visit_impl_item_fn(self, node);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        self.found(&node.sig, node);
        visit::visit_trait_item_fn(self, node);
    }
}

struct Queries(Vec<String>);

impl<'ast> Visit<'ast> for Queries {
    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let name = node.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if ["query", "query_as", "query_scalar"].contains(&name.as_str()) {
            let text = arguments(node).into_iter().find_map(|argument| match argument {
                Expr::Lit(syn::ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            });
            self.0.push(text.expect("a query is one string"));
        }
        visit::visit_macro(self, node);
    }
}
