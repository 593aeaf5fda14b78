//! The list of permission nodes, and how a grant matches a node.

/// Declares the nodes by category: the enums, the list, and what is known of each.
macro_rules! permissions {
    ($($category:ident = $key:literal, $title:literal, $about:literal {
        $($variant:ident = $node:literal, $description:literal $(, after $first:ident)?;)*
    })*) => {
        /// A part of the catalogue of nodes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Category {
            $(#[doc = $about] $category,)*
        }

        impl Category {
            /// Every category, in the catalogue's order.
            pub const ALL: &[Self] = &[$(Self::$category,)*];

            /// Its key in the catalogue.
            #[must_use]
            pub const fn key(self) -> &'static str {
                match self { $(Self::$category => $key,)* }
            }

            /// Its name for people.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$category => $title,)* }
            }

            /// What its nodes are about.
            #[must_use]
            pub const fn about(self) -> &'static str {
                match self { $(Self::$category => $about,)* }
            }

            /// Its nodes, in order.
            #[must_use]
            pub const fn permissions(self) -> &'static [Permission] {
                match self { $(Self::$category => &[$(Permission::$variant,)*],)* }
            }
        }

        /// A node that the program knows by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($(#[doc = $description] $variant,)*)*
        }

        impl Permission {
            /// Every node, in the catalogue's order.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// The node as it is written.
            #[must_use]
            pub const fn node(self) -> &'static str {
                match self { $($(Self::$variant => $node,)*)* }
            }

            /// What holding it allows.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $($(Self::$variant => $description,)*)* }
            }

            /// The nodes without which it is of no use.
            #[must_use]
            pub const fn dependencies(self) -> &'static [Self] {
                match self { $($(Self::$variant => &[$(Self::$first)?],)*)* }
            }
        }
    };
}

permissions! {
    Company = "company", "Company Permissions", "The clients, and what ConnectWise says of them" {
        CompanyFetch = "company.fetch", "Read one company";
        CompanyFetchMany = "company.fetch.many", "List and search companies";
        CompanyFetchAddress = "company.fetch.address", "See a company's address", after CompanyFetch;
        CompanyFetchConfigurations = "company.fetch.configurations", "Read a company's configurations", after CompanyFetch;
        CompanyCreate = "company.create", "Make a company by hand";
        CompanyUpdate = "company.update", "Change a company that was made by hand";
        CompanyDelete = "company.delete", "Delete a company that was made by hand";
        CompanySync = "company.sync", "Copy the companies from ConnectWise, and see how that goes";
    }
    Credential = "credential", "Credential Permissions", "Credentials of every type; a type's own nodes allow the same for its own" {
        CredentialFetch = "credential.fetch", "Read one credential, without its secure values";
        CredentialFetchMany = "credential.fetch.many", "List credentials, without their secure values";
        CredentialCreate = "credential.create", "Store a credential";
        CredentialUpdate = "credential.update", "Change a credential";
        CredentialDelete = "credential.delete", "Delete a credential";
        CredentialFieldsFetch = "credential.fields.fetch", "Read a credential's stored values, the secure ones sealed", after CredentialFetch;
        CredentialFieldsUpdate = "credential.fields.update", "Change a credential's values through its fields", after CredentialUpdate;
        CredentialSecureValuesRead = "credential.secure_values.read", "Reveal a credential's secure values", after CredentialFetch;
        CredentialCanary = "credential.canary", "See and say which credentials are canaries, whose every reveal is an alarm", after CredentialFetch;
    }
    CredentialType = "credentialType", "Credential Type Permissions", "The types that define the fields of credentials" {
        CredentialTypeFetch = "credential_type.fetch", "Read one credential type";
        CredentialTypeFetchMany = "credential_type.fetch.many", "List credential types";
        CredentialTypeCreate = "credential_type.create", "Make a credential type";
        CredentialTypeUpdate = "credential_type.update", "Change a credential type and its fields";
        CredentialTypeDelete = "credential_type.delete", "Delete a credential type with all its credentials";
    }
    Role = "role", "Role Permissions", "Roles, which hold nodes for people" {
        RoleCreate = "role.create", "Make a role of nodes that one holds oneself";
        RoleRead = "role.read", "Read one role, and the catalogue of nodes";
        RoleList = "role.list", "List roles", after RoleRead;
        RoleModify = "role.modify", "Change a role, adding only nodes that one holds oneself";
        RoleDelete = "role.delete", "Delete a role";
    }
    User = "user", "User Permissions", "One's own account and those of others" {
        UserRead = "user.read", "Read one's own account";
        UserWrite = "user.write", "Change one's own account";
        UserReadOther = "user.read.other", "Read the accounts of others";
        UserListOther = "user.list.other", "List accounts", after UserReadOther;
        UserCreate = "user.create", "Make accounts";
        UserWriteOther = "user.write.other", "Change and disable the accounts of others";
        UserRolesOther = "user.roles.other", "Change the roles of others", after UserWriteOther;
        UserPermissionsOther = "user.permissions.other", "Change the nodes that others hold directly", after UserWriteOther;
        UserDeleteOther = "user.delete.other", "Delete the accounts of others";
        UserExposure = "user.exposure", "See which secrets somebody has revealed that have not changed since";
    }
    Permission = "permission", "Permission Permissions", "The permission system itself" {
        PermissionEscalate = "permission.escalate", "Grant nodes that one does not hold oneself";
        PermissionCreate = "permission.create", "Make a permission besides the built-in ones";
        PermissionUpdate = "permission.update", "Change a permission that was made";
        PermissionDelete = "permission.delete", "Delete a permission that was made";
    }
    UiNavigation = "uiNavigation", "Navigation Permissions", "Which parts a client shows in its navigation; the server asks for none of them" {
        UiNavigationCompanies = "ui.navigation.companies", "Show companies in the navigation";
        UiNavigationCredentials = "ui.navigation.credentials", "Show credentials in the navigation";
        UiNavigationCredentialTypes = "ui.navigation.credential_types", "Show credential types in the navigation";
        UiNavigationAudit = "ui.navigation.audit", "Show the audit record in the navigation";
    }
    AdminUi = "adminUI", "Administration Permissions", "Which parts a client shows to administrators; the server asks for none of them" {
        AdminUiUsers = "ui.admin.users", "Show the administration of accounts";
        AdminUiRoles = "ui.admin.roles", "Show the administration of roles";
        AdminUiSettings = "ui.admin.settings", "Show the settings";
    }
    ApiKey = "apiKey", "API Key Permissions", "The keys that services call with; whoever made one may list and revoke it" {
        ApiKeyCreate = "api_key.create", "Make API keys that hold no more than one holds oneself";
        ApiKeyFetchMany = "api_key.fetch.many", "List the API keys of others";
        ApiKeyDelete = "api_key.delete", "Revoke the API keys of others", after ApiKeyFetchMany;
    }
    Integration = "integration", "Integration Permissions", "The products that are connected; their creators and managers look after their own without these" {
        IntegrationFetch = "integration.fetch", "Read any integration and how it is doing, without its credentials";
        IntegrationFetchMany = "integration.fetch.many", "List integrations, without their credentials";
        IntegrationCreate = "integration.create", "Make an integration";
        IntegrationUpdate = "integration.update", "Change any integration, its address and its credentials";
        IntegrationDelete = "integration.delete", "Delete an integration";
        IntegrationCheck = "integration.check", "Check how any integration is doing";
        IntegrationCall = "integration.call", "Call the endpoints of any integration with its credentials";
    }
    Trash = "trash", "Trash Permissions", "What was deleted and can still be restored" {
        TrashFetchMany = "trash.fetch.many", "See what is in the trash";
        TrashRestore = "trash.restore", "Restore what is in the trash", after TrashFetchMany;
        TrashPurge = "trash.purge", "Delete what is in the trash for good", after TrashFetchMany;
    }
    Audit = "audit", "Audit Permissions", "The record of who did what" {
        AuditRead = "audit.read", "Read the audit record";
    }
}

/// A node that an administrator made.
#[derive(Debug, Clone)]
pub struct CustomNode {
    /// The node.
    pub node: String,
    /// The company in whose roles alone it may be granted.
    pub company: Option<uuid::Uuid>,
}

impl CustomNode {
    /// Whether it may be granted in a role that is bound so.
    #[must_use]
    pub fn is_for(&self, company: Option<uuid::Uuid>) -> bool {
        self.company.is_none() || self.company == company
    }
}

impl Permission {
    /// For a node of credentials, what follows `credential.`: every type has a node of its own for it,
    /// `{permissionScope}.{action}`.
    #[must_use]
    pub fn credential_action(self) -> Option<&'static str> {
        self.node().strip_prefix("credential.")
    }
}

/// What follows `credential.` in the nodes of credentials, and the scope in those of each type.
pub fn credential_actions() -> impl Iterator<Item = &'static str> {
    Permission::ALL.iter().filter_map(|permission| permission.credential_action())
}

/// Whether `text` is a node: segments of `[a-z][a-z0-9_]*` with dots between, 200 characters at most.
#[must_use]
pub fn is_node(text: &str) -> bool {
    text.len() <= 200 && text.split('.').all(is_segment)
}

fn is_segment(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Whether `text` can be granted or asked for: a node, `prefix.*` or `*`.
#[must_use]
pub fn is_grant(text: &str) -> bool {
    text == "*" || is_node(text.strip_suffix(".*").unwrap_or(text))
}

/// Whether holding `grant` passes a check for `wanted`. By segment: `a.*` covers `a.b`, `a.b.c` and
/// `a.b.*`, but neither `a` nor `ab.c`. A wildcard in `wanted` is covered where all that it covers is.
#[must_use]
pub fn covers(grant: &str, wanted: &str) -> bool {
    if grant == "*" || grant == wanted {
        return true;
    }
    grant.strip_suffix('*').is_some_and(|prefix| {
        prefix.ends_with('.') && wanted.len() > prefix.len() && wanted.starts_with(prefix)
    })
}

/// Whether the first segment of `scope` begins a built-in node, so that a type may not take it.
#[must_use]
pub fn is_reserved(scope: &str) -> bool {
    let first = |node: &str| node.split('.').next().unwrap_or_default().to_owned();
    Permission::ALL.iter().any(|permission| first(permission.node()) == first(scope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_by_segment() {
        for (grant, wanted) in
            [("*", "a"), ("*", "*"), ("a.*", "a.b"), ("a.*", "a.b.c"), ("a.*", "a.*"), ("a.*", "a.b.*")]
        {
            assert!(covers(grant, wanted), "{grant} covers {wanted}");
        }
        for (grant, wanted) in
            [("a.*", "a"), ("a.*", "ab.c"), ("a.*", "*"), ("a.b", "a.b.c"), ("a.b.*", "a.*"), ("a", "a.b")]
        {
            assert!(!covers(grant, wanted), "{grant} does not cover {wanted}");
        }
    }

    #[test]
    fn grammar() {
        for good in ["*", "a.*", "credential.fetch.many", "a1.b_c"] {
            assert!(is_grant(good), "{good}");
        }
        for bad in [
            "", ".", "a.", ".a", "a..b", "A.b", "cred*", "a.*.b", "**", "*.a", "a b", "1a", "a.é", "_a",
            "a.*.*",
        ] {
            assert!(!is_grant(bad), "{bad}");
        }
    }

    #[test]
    fn built_in_nodes_keep_the_grammar_and_are_unique() {
        let nodes: std::collections::BTreeSet<_> =
            Permission::ALL.iter().map(|permission| permission.node()).collect();
        assert_eq!(nodes.len(), Permission::ALL.len());
        assert!(nodes.into_iter().all(is_node));
    }
}
